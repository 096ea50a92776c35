"""The `.lat` file, as runtime/FORMAT.md specifies it.

container   bytes ↔ header and sections
geometry    pixels of a latent, a hyper-latent, a cell
alpha       the section that holds transparency, without loss
bands       rows of both, deflated band by band
exact       the sections that hold pixels, without loss
scales      sizes of smaller pictures; averages: their pixels
patches     the section that holds the pixels of some cells
depth       samples of 9 to 16 bits
colour      sections of code points, light and gain maps
resolution  the section that says how large pixels are
facts       a file in words and numbers, for `aezip info`
"""
