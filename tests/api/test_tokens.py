import hashlib

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from api.token_lines import StoredToken, TokenLinesError, find_token, parse_tokens
from api.tokens import hash_token, is_whole, make_token
from tests.support.admission import some_token, stored
from tests.support.seeds import SEED

HASH = "sha256:" + "ab" * 32


def test_a_token_is_recognised_and_its_slips_are_caught() -> None:
    token = make_token(bytes(range(32)))
    assert token.startswith("lsp_")
    assert len(token) == 53
    assert is_whole(token)
    swapped = token[:10] + token[11] + token[10] + token[12:]
    for wrong in (token[:-1], token + "0", swapped, token.replace("lsp_", "ghp_"), token.lower(), ""):
        assert not is_whole(wrong)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 52), st.characters(codec="ascii"))
@seed(SEED)
def test_no_single_wrong_character_passes(entropy: bytes, place: int, sign: str) -> None:
    token = make_token(entropy)
    wrong = token[:place] + sign + token[place + 1 :]
    assert is_whole(wrong) == (wrong == token)


def test_stored_is_the_sha256_of_the_whole_token() -> None:
    token = some_token(1)
    assert hash_token(token) == "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def test_a_line_says_name_scopes_namespace_hash_and_expiry() -> None:
    text = f"# mine\nci read+write default {HASH} 2027-01-01T00:00:00Z # until then\n\nany read * {HASH[:-1]}0\n"
    first, second = parse_tokens(text)
    assert first == StoredToken("ci", frozenset({"read", "write"}), "default", HASH, 1_798_761_600 * 10**9)
    assert second.namespace is None
    assert second.expires_ns is None


def test_entries_may_be_separated_by_commas_as_a_variable_has_them() -> None:
    assert [one.name for one in parse_tokens(f"a read x {HASH}, b write x {HASH[:-1]}0")] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"ci admin default {HASH}", "the scopes must be read, write or read+write"),
        (f"ci/cd read default {HASH}", "the name must be"),
        ("ci read default sha256:abcd", "the hash must be sha256: and 64 hexadecimal digits"),
        (f"ci read {HASH}", "must be NAME SCOPES NAMESPACE sha256:HASH"),
        (f"ci read default {HASH} tomorrow", "the expiry is not an RFC 3339 date-time"),
        (f"ci read %FF {HASH}", "the namespace is not percent-encoded UTF-8"),
        (f"ci read default {make_token(bytes(32))}", "this is a token itself"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_never_shown(line: str, reason: str) -> None:
    with pytest.raises(TokenLinesError) as caught:
        parse_tokens(f"# tokens\n{line}")
    assert f"line 2: {reason}" in str(caught.value)
    assert "abcd" not in str(caught.value)
    assert "lsp_" not in str(caught.value)


def test_the_same_hash_twice_is_refused_and_mistakes_are_told_together() -> None:
    with pytest.raises(TokenLinesError) as caught:
        parse_tokens(f"a read x {HASH}\nb read x {HASH}\nc")
    assert [problem[:6] for problem in caught.value.problems] == ["line 2", "line 3"]


def test_a_file_with_more_tokens_than_may_be_is_not_read_to_its_end() -> None:
    text = "\n".join(f"a read x sha256:{number:064x}" for number in range(100_000))
    with pytest.raises(TokenLinesError, match="from line 1001 on nothing was read"):
        parse_tokens(text)


def test_the_right_one_is_found_among_many() -> None:
    tokens = [stored(number, "read") for number in range(20)]
    assert find_token(tokens, some_token(7)) == tokens[7]
    assert find_token(tokens, some_token(21)) is None


_NAMES = st.from_regex(r"[A-Za-z0-9_.@-]{1,64}", fullmatch=True)
_SPACES = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
_SCOPES = st.sets(st.sampled_from(["read", "write"]), min_size=1).map(frozenset)
_EXPIRIES = st.one_of(st.none(), st.integers(0, 9_000_000_000 * 10**9))


@given(_NAMES, _SCOPES, _SPACES, st.binary(min_size=32, max_size=32), _EXPIRIES)
@seed(SEED)
def test_what_is_written_is_read_again(
    name: str, scopes: frozenset[str], namespace: str | None, digest: bytes, expires_ns: int | None
) -> None:
    token = StoredToken(name, scopes, namespace, f"sha256:{digest.hex()}", expires_ns)
    assert parse_tokens(token.line) == (token,)


@given(st.one_of(st.text(max_size=200), st.text("ab ,#+*%\nsha256:readwrite0f", max_size=200)))
@seed(SEED)
def test_any_text_gives_tokens_or_says_what_is_wrong(text: str) -> None:
    try:
        tokens = parse_tokens(text)
    except TokenLinesError as error:
        tokens = ()
        problems = error.problems
    else:
        problems = ()
    assert all(len(one.hash) == 71 for one in tokens)
    assert all(problem.startswith(("line ", "from line ")) for problem in problems)
