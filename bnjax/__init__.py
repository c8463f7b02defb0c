"""bnjax: where should Batch Normalization go, and what does it do there?"""

__version__ = "0.1.0"
