"""The `.lat` file, as runtime/FORMAT.md specifies it.

    container  bytes ↔ header and sections
    alpha      the section that holds transparency, without loss
    facts      a file in words and numbers, for `aezip info`
"""
