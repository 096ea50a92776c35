"""A picture → one without noise, with colours, without holes.

restorer   the task's graph over pictures of any size
noise      how much noise there is
holes      how holes are filled from outside in
scratches  thin ones, by how pixels of the picture go together
texture    wide holes, with pieces of what is around
hints      some pixels' colours → all pixels'
likeness   hints from a picture like it
chroma     colours of a small copy for the large picture, and grey values
"""
