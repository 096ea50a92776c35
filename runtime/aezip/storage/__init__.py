"""Where bytes come from and go to.

    files      whole files or none: written beside the target, then renamed
    places     the same for local paths and URLs, folders, patterns
"""
