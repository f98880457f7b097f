"""Render thousands of AI videos without losing one or paying for one twice.

>>> from reelqueue import build, parse_request
>>> request = parse_request({"model": "wan2.6-t2v", "prompt": "a paper boat", "resolution": "720P"})
>>> build(request).body["parameters"]
{'size': '1280*720'}
"""
