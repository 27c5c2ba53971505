"""The commands of administration, each in a module that is loaded when it is called.

They only turn words into calls of the actions and answers into lines. What a script reads goes to stdout, hints to
stderr.
"""
