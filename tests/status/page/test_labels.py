"""The words, icons and colours of the page."""

from shared.status.page import labels
from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState


def test_every_word_of_the_vocabulary_is_shown() -> None:
    assert set(labels.OUTCOMES) == set(Outcome)
    assert set(labels.FILE_STATES) == set(FileState)
    assert set(labels.SUBMISSION_STATES) == set(SubmissionState)
    assert set(labels.REMEDIES) == set(Remedy)


def test_a_note_is_shown_in_words_and_one_of_another_version_as_it_is() -> None:
    assert labels.note_meaning("serial_from_hash").startswith("The serial number was empty")
    assert labels.note_meaning("read_back").startswith("The service gave no verdict but the device")
    assert labels.note_meaning("word_of_another_version") == "word_of_another_version"
