"""What lies between two stages: a module for each kind of file.

Each says where its files lie below the project's folder, what stands in them, how they are written
and how they are read. Stages meet here and nowhere else.
"""
