from edgekit.core.artifact import Share


def test_a_share_names_its_parts_only_where_there_are_several():
    assert Share(delegated=15, total=16).in_words() == "15/16"
    assert Share(delegated=15, total=16, subgraphs=1).in_words() == "15/16"
    assert Share(delegated=15, total=16, subgraphs=2).in_words() == "15/16 in 2 parts"
