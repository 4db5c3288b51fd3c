"""Where and how things are computed: decoding, threads and processes, devices."""
