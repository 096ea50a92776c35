"""The old name of `lambda_ladder`, until all know the new one."""

from .lambda_ladder import LAMBDA_MIN as LAMBDA_MIN
from .lambda_ladder import TOP as TOP
