"""`tradefours study bpe`: byte-pair encoding of our tokens, for piano and for many instruments, network by network."""
