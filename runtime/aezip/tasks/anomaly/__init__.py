"""Normal pictures → a profile; another picture → score, p-value, map.

measures      what is measured of a picture, and the profile of many
planted       a normal picture → a copy with a defect, to see which measures see it
gaussian      the statistics under it
profile_file  a profile ↔ its file
heat          a map → a picture to look at
"""
