"""Where bytes come from and go to.

files      whole files or none: written beside the target, then renamed
folders    local folders and patterns → files; links, and what cannot be read
places     the same for local paths and URLs, folders, patterns
"""
