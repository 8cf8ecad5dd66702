"""Damaged and odd inputs for every reader: whatever a file holds, the answer is a result or one line (UserError).

    make fuzz                                  # 200,000 inputs on two cores, from a seed that is printed
    make fuzz SEED=7 INPUTS=20000
    python -m tests.fuzz --target beir --input 123 --seed 7      # one input again, with its traceback
    python -m tests.fuzz --again tests/fuzz/found/beir-7-123     # the same, from the files that were kept

`harness` runs one input and judges it; `damage` and `trees` spoil bytes and JSON; `seeds*` are small valid files;
`targets*` say, for each reader, how an input is made and what is called.
"""
