import numpy as np

from ddcore.data import agreement


def test_the_level_is_the_size_of_the_minority_whichever_side_it_is_on():
    assert agreement.level(np.arange(8), 7).tolist() == [0, 1, 2, 3, 3, 2, 1, 0]
    assert agreement.level(np.arange(5), 4).tolist() == [0, 1, 2, 1, 0]


def test_every_level_has_words_and_a_colour():
    assert agreement.words(7) == [
        "7 of 7 agree (unanimous)", "6 of 7 agree", "5 of 7 agree", "4 of 7 agree (split)"
    ]
    for voters in range(1, 20):
        levels = 1 + int(agreement.level(np.arange(voters + 1), voters).max())
        assert levels == agreement.levels(voters) == len(agreement.words(voters)) == len(agreement.colours(voters))


def luminance(colour):
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in np.array(colour) / 255]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def test_the_scale_is_ordered_by_lightness_and_seen_on_white_and_on_black():
    """So it reads without telling hues apart; contrasts as WCAG takes them, against both page backgrounds."""
    light = [luminance(c) for c in agreement.colours(7)]
    assert light == sorted(light)
    white, black = luminance((255, 255, 255)), luminance((0x12, 0x18, 0x1C))
    assert all((white + 0.05) / (one + 0.05) > 2 for one in light)
    assert all((one + 0.05) / (black + 0.05) > 3 for one in light)
