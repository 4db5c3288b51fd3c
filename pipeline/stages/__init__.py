"""One file per stage of `dvc.yaml`: read, call the library, write."""
