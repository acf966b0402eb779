"""microgrunderscore beside its peers: `python -m benchmarks` measures all of it anew.

section    what a section is made of, as data: variants, aims, what is reported
sections/  one module for each: the work that is timed, what it is compared with, its table
child      a fresh process: does the work of one variant, prints its figures and answers
rounds     children one after another: verified first, then timed round by round
turns      children that alternate, a few steps each
workloads  what compiled programs compute, said once, for the numbers of any library
peers/     one module for each library that does a workload's step
stepping   a step of a program in turns, and its tables
spread     medians and ranges over the rounds; ratios inside a round
installed  engines, peers and the machine that are measured
plots      charts as data; drawing makes them pictures
page       docs/benchmarks.md
pictures   pictures beside Graphviz's: a command of its own
"""
