"""Work in a browser: browser_automation and data_extraction.

config.py what a task may ask · drivers.py where the browser comes from · steps/ what each step does ·
understanding/ how an instruction becomes an element or a value · executors.py the glue to the life of a task.
"""
