"""How good: measuring pictures against their originals, and reaching what was asked for.

    metrics      PSNR, MS-SSIM, BD-rate
    verify       a file against its original
    targets      the quality that meets a size, a rate or a PSNR
    html_report  what was measured, as one HTML file
"""
