"""Measurements that a program can read: what a message, a frame and a beat cost."""
