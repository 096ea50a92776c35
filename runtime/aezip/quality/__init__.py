"""Quality: measuring pictures against their originals, and reaching a target.

metrics      PSNR, MS-SSIM, BD-rate
ssimulacra2  how alike two pictures look
verify       a file against its original
targets      the quality that meets a size, a rate, a PSNR or a score
"""
