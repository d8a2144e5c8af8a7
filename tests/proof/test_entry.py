"""`hushpost-prove` as it is typed."""

import pytest
from hushpost_proof.entry import main


def test_the_list_names_claims_and_their_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    """One line a claim; nothing is run."""
    assert main(["--list"]) == 0
    assert "killed-at-random" in capsys.readouterr().out


def test_an_unknown_claim_is_a_mistake_of_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and one line that lists the claims."""
    assert main(["--only", "nothing"]) == 2
    assert "there is no claim 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["0/2", "3/2", "2", "a/b"])
def test_an_impossible_share_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Argparse says how a share is written."""
    with pytest.raises(SystemExit) as refused:
        main(["--shard", share])
    assert refused.value.code == 2
    assert "write for instance 1/2" in capsys.readouterr().err
