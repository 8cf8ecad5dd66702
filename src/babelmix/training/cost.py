"""What a teacher costs, in steps of the plain recipe, so that objectives can be compared at equal compute."""


def steps_worth(texts: int, teacher_layers: int, layers: int, texts_per_step: int) -> float:
    """Return how many steps of a training cost as much as a teacher's forward passes over `texts`.

    A forward pass costs its layers. A step costs three forward passes of the student for each of its texts: one
    forward, and two for the backward pass. Texts count as equally long, and layers as equally wide, which a student and
    its teacher are. Word embeddings and the loss count nothing.

    Args:
        texts: that the teacher encoded.
        teacher_layers: of the teacher.
        layers: of the student.
        texts_per_step: of the student: two for each pair of a batch.

    >>> steps_worth(texts=5760, teacher_layers=12, layers=6, texts_per_step=64)
    60.0
    """
    return texts * teacher_layers / (3 * layers * texts_per_step)
