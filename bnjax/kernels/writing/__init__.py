"""The code of kernels in LLVM's language: shapes, tiles, and each product. Nothing here calls it."""
