"""Model packages (`.aezm`).

    kinds      what each kind of package holds
    description what a package may say of itself
    packages   a package: description, members, tables, checked
    ladder     quality → the integers that both directions share
    onnx_check graphs that a package may hold
    facts      an installed model in words and numbers
    writing    packages → the user's folder; halves of packages

Where packages are:

    store       names and fingerprints → packages, wherever they are
    home        the user's folder and list of places
    releases    released models, and the decoders of older ones inside aezip
    archives    decoders that archives carry beside their files
    sources     places of the user's list: indexes, fetching
    copies      what would be lost with one folder
"""
