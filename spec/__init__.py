"""What a liquid network is: the normative text, the reference, the vectors and the files."""
