from edgekit.core.suggest import did_you_mean


def test_a_close_name_is_suggested_and_a_far_one_is_not():
    assert did_you_mean("pixel8", ["pixel-8", "tflite"]).startswith("did you mean 'pixel-8'?")
    assert did_you_mean("zzz", ["pixel-8"]) == "known: pixel-8"
    assert did_you_mean("zzz", []) == "none is known"
