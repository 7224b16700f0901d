from madbench.mini.pretraining import pretraining_scenes
from madbench.models.mini_supervision import Captions


def test_a_caption_draw_is_a_function_of_seed_and_step_and_differs_in_one_sentence():
    captions = Captions(pretraining_scenes(20, 5), 1, (0.2, 0.4, 0.4))
    rows, true, false = captions.draw(3, 8)
    again = captions.draw(3, 8)
    assert (rows == again[0]).all()
    assert true == again[1]
    for yes, no in zip(true, false, strict=True):
        assert sum(one != two for one, two in zip(yes, no, strict=True)) == 1
