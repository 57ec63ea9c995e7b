"""One model on several devices."""

from .data_parallel import DataParallel as DataParallel
from .data_parallel import data_parallel as data_parallel
from .scattering import gather as gather
from .scattering import scatter as scatter
