"""Result files: real mp4 clips, made when they are first asked for."""
