"""Model packages (`.aezm`).

    kinds      what each kind of package holds
    packages   a package: description, members, tables, checked
    store      names and fingerprints → installed packages
    ladder     quality → the integers that both directions share
    onnx_check graphs that a package may hold
    facts      an installed model in words and numbers
    writing    packages → the user's folder; halves of packages
"""
