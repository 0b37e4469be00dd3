from edgekit.core import cpu


def test_features_are_told_in_one_order_and_others_left_out():
    assert cpu.features(["sse2", "fma", "avx2"]) == ("avx2", "fma")


def test_only_vnni_and_arm_add_int8_products_exactly():
    assert cpu.is_exact(["avx2", "avx_vnni"])
    assert cpu.is_exact(["asimd"])
    assert not cpu.is_exact(["avx2", "fma", "avx512_fp16"])
    assert not cpu.is_exact(())


def test_what_makes_a_cpu_exact_is_a_feature_that_a_profile_may_name():
    assert set(cpu.FEATURES) > cpu.EXACT
