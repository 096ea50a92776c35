"""A picture → one without noise, with colours, without holes.

restorer   the task's graph over pictures of any size
noise      how much noise there is
holes      how holes are filled from outside in
chroma     colours and grey values
"""
