"""Whether attributions add up, and whether they find what is known to matter.

python -m benchmarks.attribution completeness   every cut on 500 random networks
python -m benchmarks.attribution hmm            known saliency, beside the methods of captum
python -m benchmarks.attribution exact          the same, of what a perfect network would say
"""
