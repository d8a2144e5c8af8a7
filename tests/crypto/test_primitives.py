"""Each primitive as we call it, against vectors that others published."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import nacl.bindings as sodium
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hushpost_crypto import primitives as p
from hushpost_crypto.errors import BadKey, BadLength, BadSignature, Undecryptable

from tests.crypto.published_vectors import blocks, hpke_cases, package_file, shared_file

Check = Callable[[str], int]
LOW_ORDER_X25519 = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    2**255 - 20,
    2**255 - 19,
    2**255 - 18,
)
# The eight points whose order divides eight, as canonical and other encodings of y.
LOW_ORDER_ED25519 = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
)


def _h(text: str) -> bytes:
    return bytes.fromhex(text)


def x25519_vectors(text: str) -> int:
    """RFC 7748, section 5.2."""
    count = 0
    for block in blocks(text):
        if "INPUT_SCALAR" in block:
            got = p.x25519(_h(block["INPUT_SCALAR"]), _h(block["INPUT_U"]))
            assert got == _h(block["OUTPUT_U"])
            count += 1
    return count


def ed25519_vectors(text: str) -> int:
    """RFC 8032: the file of 1,024 signatures by its authors, every eighth."""
    lines = text.split("\n")[:-1:8]
    for line in lines:
        secret, public, message, signed = (_h(part) for part in line.split(":")[:4])
        seed, signature = secret[:32], signed[:64]
        assert p.ed25519_public_key(seed) == public
        assert p.ed25519_sign(seed, message) == signature
        p.ed25519_verify(public, message, signature)
    return len(lines)


def mlkem768_vectors(text: str) -> int:
    """FIPS 203 known answers: key from seed, decapsulation, implicit rejection."""
    count = 0
    for block in blocks(text):
        secret = p.MlKem768Secret(_h(block["d"]) + _h(block["z"]))
        assert secret.public_key() == _h(block["pk"])
        assert secret.decapsulate(_h(block["ct"])) == _h(block["ss"])
        assert secret.decapsulate(_h(block["ct_n"])) == _h(block["ss_n"])
        count += 1
        if count == 60:
            break
    return count


def mlkem1024_vectors(text: str) -> int:
    """Check ML-KEM-1024 in the same way."""
    count = 0
    for block in blocks(text):
        seed = _h(block["d"]) + _h(block["z"])
        assert p.mlkem1024_public_key(seed) == _h(block["pk"])
        assert p.mlkem1024_decapsulate(seed, _h(block["ct"])) == (_h(block["ss"]), _h(block["pk"]))
        assert p.mlkem1024_decapsulate(seed, _h(block["ct_n"]))[0] == _h(block["ss_n"])
        count += 1
        if count == 60:
            break
    return count


def hpke_vectors(text: str) -> int:
    """HPKE with X-Wing: what another implementation sealed opens (single shot: the first of each).

    Our calls take no associated data, and the vectors have some: the case is opened through the
    same suite and key with the vector's AAD, and our own seal and open are joined to that key.
    """
    count = 0
    for case in hpke_cases(text):
        seed, info = _h(case["skRm"]), _h(case["info"])
        assert p.xwing_public_key(seed) == _h(case["pkRm"])
        first = case["encryptions"][0]
        opened = _open_with_aad(seed, info, _h(case["enc"]) + _h(first["ct"]), _h(first["aad"]))
        assert opened == _h(first["pt"])
        assert p.hpke_open(seed, info, p.hpke_seal(_h(case["pkRm"]), info, b"text")) == b"text"
        count += 1
    return count


def _open_with_aad(seed: bytes, info: bytes, sealed: bytes, aad: bytes) -> bytes:
    expanded = hashlib.shake_256(seed).digest(96)
    key = hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        X25519PrivateKey.from_private_bytes(expanded[64:]),
    )
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    try:
        return openssl.hpke._decrypt_with_aad(suite, sealed, key, info, aad)  # pyright: ignore[reportPrivateUsage]  # the public call has no AAD, the vectors do
    except InvalidTag:
        raise Undecryptable from None


def xwing_vectors(text: str) -> int:
    """X-Wing keys from their seeds."""
    cases: list[dict[str, Any]] = json.loads(text)
    for case in cases:
        assert p.xwing_public_key(_h(case["sk"])) == _h(case["pk"])
    return len(cases)


PACKAGED: tuple[tuple[Check, str, int], ...] = (
    (x25519_vectors, "asymmetric/X25519/rfc7748.txt", 2),
    (ed25519_vectors, "asymmetric/Ed25519/sign.input", 128),
    (mlkem768_vectors, "asymmetric/MLKEM/kat_MLKEM_768.rsp", 60),
    (mlkem1024_vectors, "asymmetric/MLKEM/kat_MLKEM_1024.rsp", 60),
    (hpke_vectors, "HPKE/hpke-pq-test-vectors.json", 1),
)
SHARED: tuple[tuple[Check, str, int], ...] = (
    (hpke_vectors, "hpke-pq/test-vectors.json", 1),
    (xwing_vectors, "xwing/test-vectors.json", 3),
)


@pytest.mark.parametrize(
    ("check", "name", "least"), PACKAGED, ids=[name for _, name, _ in PACKAGED]
)
def test_packaged_vectors(check: Check, name: str, least: int) -> None:
    """Published vectors from the package pass, and there are as many as there should be."""
    assert check(package_file(name).read_text()) >= least


@pytest.mark.parametrize(("check", "name", "least"), SHARED, ids=[name for _, name, _ in SHARED])
def test_shared_vectors(
    check: Check, name: str, least: int, require: Callable[[bool, str], None]
) -> None:
    """Published vectors from the vectors folder pass; without the folder this is skipped aloud."""
    path = shared_file(name)
    require(path is not None, f"{name}: set HUSHPOST_VECTORS to a folder of published vectors")
    assert path is not None
    assert check(path.read_text()) >= least


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (x25519_vectors, "\n".join(package_file(PACKAGED[0][1]).read_text().split("\n")[2:6])),
        (ed25519_vectors, package_file(PACKAGED[1][1]).read_text().split("\n")[40] + "\n"),
        (mlkem768_vectors, package_file(PACKAGED[2][1]).read_text().split("count = 1")[0]),
        (mlkem1024_vectors, package_file(PACKAGED[3][1]).read_text().split("count = 1")[0]),
    ],
    ids=["x25519", "ed25519", "mlkem768", "mlkem1024"],
)
def test_corrupted_vectors_fail(check: Check, text: str) -> None:
    """A runner fails on its vectors with one digit of an answer changed."""
    assert check(text) == 1
    for name in ("OUTPUT_U = ", "ss = ", "ss_n = ", "pk = "):
        at = text.find(f"\n{name}")
        if at >= 0:
            place = at + len(name) + 5
            changed = text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :]
            with pytest.raises(AssertionError):
                check(changed)
    if ":" in text:
        secret, public, message, signed = text.split(":")[:4]
        bad = ("0" if signed[0] != "0" else "1") + signed[1:]
        with pytest.raises((AssertionError, BadSignature)):
            check(":".join([secret, public, message, bad, ""]) + "\n")


def test_corrupted_hpke_and_xwing_vectors_fail() -> None:
    """The same for the JSON vectors."""
    text = package_file("HPKE/hpke-pq-test-vectors.json").read_text()
    (case, *_) = hpke_cases(text)
    for name in ("pkRm", "enc", "info"):
        with pytest.raises((AssertionError, Undecryptable)):
            hpke_vectors(json.dumps([{**case, name: _bent(case[name])}]))
    first = case["encryptions"][0]
    for name in ("ct", "pt", "aad"):
        changed = [{**first, name: _bent(first[name])}]
        with pytest.raises((AssertionError, Undecryptable)):
            hpke_vectors(json.dumps([{**case, "encryptions": changed}]))
    seed = "01" * 32
    good = {"sk": seed, "pk": p.xwing_public_key(_h(seed)).hex()}
    assert xwing_vectors(json.dumps([good])) == 1
    with pytest.raises(AssertionError):
        xwing_vectors(json.dumps([{**good, "pk": _bent(good["pk"])}]))


def _bent(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]


def test_hkdf_is_extract_then_expand() -> None:
    """HKDF-SHA-512 equals RFC 5869 written out with HMAC from the standard library."""
    for size in (1, 56, 64, 65, 96, 128):
        salt, secret, info = bytes(64), b"secret", b"info"
        key = hmac.digest(salt, secret, "sha512")
        block, out = b"", b""
        for number in range(1, 4):
            block = hmac.digest(key, block + info + bytes([number]), "sha512")
            out += block
        assert p.hkdf_sha512(secret, salt=salt, info=info, size=size) == out[:size]


def test_argon2id_is_that_of_another_implementation() -> None:
    """PyNaCl's Argon2id equals OpenSSL's; RFC 9106's own vectors use lanes that ours never has."""
    for operations, memory, size in ((1, 8, 16), (2, 64, 32), (3, 1024, 64)):
        salt, passphrase = bytes(range(16)), b"correct horse"
        theirs = Argon2id(
            salt=salt, length=size, iterations=operations, lanes=1, memory_cost=memory
        ).derive(passphrase)
        ours = p.argon2id(
            passphrase, salt=salt, size=size, operations=operations, memory_bytes=memory * 1024
        )
        assert ours == theirs


def test_hashes_and_hmac_are_the_standard_ones() -> None:
    """Hashes of the empty string and RFC 4231's first HMAC case."""
    assert p.sha256(b"").hex().startswith("e3b0c44298fc1c149afbf4c8996fb924")
    assert p.sha512(b"").hex().startswith("cf83e1357eefb8bdf1542850d66d8007")
    assert p.sha3_256(b"").hex().startswith("a7ffc6f8bf1ed76651c14756a061d662")
    assert (
        p.hmac_sha256(b"\x0b" * 20, b"Hi There")
        .hex()
        .startswith("b0344c61d8db38535ca8afceaf0bf12b")
    )


def test_xchacha_is_the_draft_one() -> None:
    """The example of draft-irtf-cfrg-xchacha, appendix A.3.1."""
    text = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        b"future, sunscreen would be it."
    )
    key, nonce = bytes(range(0x80, 0xA0)), bytes(range(0x40, 0x58))
    data = _h("50515253c0c1c2c3c4c5c6c7")
    sealed = p.aead_encrypt(key, nonce, text, data)
    assert sealed[-16:].hex() == "c0875924c1c7987947deafd8780acf49"
    assert p.aead_decrypt(key, nonce, sealed, data) == text
    for bad in (sealed[:-1], b"", bytes([sealed[0] ^ 1]) + sealed[1:]):
        assert p.aead_try(key, nonce, bad, data) is None
        with pytest.raises(Undecryptable):
            p.aead_decrypt(key, nonce, bad, data)


def test_low_order_x25519_keys_are_refused() -> None:
    """Every point that gives an all-zero secret is refused, with the top bit set or not."""
    for number in LOW_ORDER_X25519:
        key = number.to_bytes(32, "little")
        for point in (key, key[:31] + bytes([key[31] | 0x80])):
            with pytest.raises(BadKey):
                p.x25519(bytes([1]) * 32, point)
    with pytest.raises(BadKey):
        p.x25519(bytes([1]) * 32, bytes(31))


@pytest.mark.parametrize("encoded", LOW_ORDER_ED25519)
def test_low_order_ed25519_keys_are_refused(encoded: str) -> None:
    """The identity and every other point of low order verify nothing, not even the trivial."""
    key = _h(encoded)
    trivial = _h(LOW_ORDER_ED25519[0]) + bytes(32)
    with pytest.raises(BadKey):
        p.ed25519_check_public_key(key)
    with pytest.raises(BadKey):
        p.ed25519_verify(key, b"anything", trivial)


def test_other_bad_ed25519_keys_are_refused() -> None:
    """A mixed-order key, one that is no point, and one of another length are refused."""
    honest = p.ed25519_public_key(bytes(32))
    mixed = sodium.crypto_core_ed25519_add(honest, _h(LOW_ORDER_ED25519[4]))
    for key in (mixed, b"\x02" + bytes(31), honest[:31], honest + b"\0"):
        with pytest.raises(BadKey):
            p.ed25519_check_public_key(key)


def test_bad_signatures_are_refused() -> None:
    """Each flipped byte, another message, another length and an unreduced S are refused."""
    seed, message = bytes(range(32)), b"message"
    key, signature = p.ed25519_public_key(seed), p.ed25519_sign(seed, message)
    p.ed25519_verify(key, message, signature)
    order = 2**252 + 27742317777372353535851937790883648493
    unreduced = int.from_bytes(signature[32:], "little") + order
    bad = [signature[:i] + bytes([signature[i] ^ 1]) + signature[i + 1 :] for i in range(64)]
    bad += [signature[:63], signature + b"\0", b""]
    bad.append(signature[:32] + unreduced.to_bytes(32, "little"))
    for other in bad:
        with pytest.raises(BadSignature):
            p.ed25519_verify(key, message, other)
    with pytest.raises(BadSignature):
        p.ed25519_verify(key, b"other", signature)
    for moved in range(1, len(message) + 1):
        # The same bytes in a row, cut at another place.
        with pytest.raises(BadSignature):
            p.ed25519_verify(key, message[moved:], signature + message[:moved])


def test_bad_kem_input_is_refused() -> None:
    """Keys that are not canonical and ciphertexts of another length are refused."""
    secret, seed = p.MlKem768Secret(bytes(64)), bytes(64)
    key = secret.public_key()
    p.mlkem768_check_key(key)
    for bad in (b"\xff" * 1184, key[:-1], key + b"\0", b""):
        with pytest.raises(BadKey):
            p.mlkem768_check_key(bad)
        with pytest.raises(BadKey):
            p.mlkem768_encapsulate(bad)
    for bad in (b"\xff" * 1568, b""):
        with pytest.raises(BadKey):
            p.mlkem1024_encapsulate(bad)
        with pytest.raises(BadKey):
            p.mlkem1024_check_key(bad)
    p.mlkem1024_check_key(p.mlkem1024_public_key(seed))
    wing = p.xwing_public_key(bytes(32))
    p.xwing_check_key(wing)
    for bad in (b"\xff" * 1216, b"", wing[:-1], wing[:-32] + bytes(32), b"\xff" * 3 + wing[3:]):
        with pytest.raises(BadKey):
            p.xwing_check_key(bad)
    for bad in (b"\xff" * 1216, b"", wing[:-1]):
        with pytest.raises(BadKey):
            p.hpke_seal(bad, b"", b"")
    for size in (0, 1087, 1089):
        with pytest.raises(BadKey):
            secret.decapsulate(bytes(size))
    for size in (0, 1567, 1569):
        with pytest.raises(BadKey):
            p.mlkem1024_decapsulate(seed, bytes(size))


def test_kems_agree_with_themselves() -> None:
    """What is encapsulated is decapsulated."""
    secret = p.MlKem768Secret(p.random_bytes(64))
    shared, ciphertext = p.mlkem768_encapsulate(secret.public_key())
    assert secret.decapsulate(ciphertext) == shared
    seed = p.random_bytes(64)
    shared, ciphertext = p.mlkem1024_encapsulate(p.mlkem1024_public_key(seed))
    assert p.mlkem1024_decapsulate(seed, ciphertext) == (shared, p.mlkem1024_public_key(seed))


def test_kem_secret_is_its_seed() -> None:
    """Two secrets are equal when their seeds are, and no repr shows one."""
    one, same, other = (p.MlKem768Secret(bytes([n]) * 64) for n in (1, 1, 2))
    assert one == same != other
    assert len({one, same, other}) == 2
    assert one != one.seed
    assert one.seed.hex() not in repr(one)


def test_hpke_opens_what_it_sealed_and_nothing_else() -> None:
    """Another info, key or byte opens nothing."""
    seed, other = bytes(32), bytes([1]) * 32
    sealed = p.hpke_seal(p.xwing_public_key(seed), b"info", b"text")
    assert len(sealed) == 4 + p.HPKE_OVERHEAD_BYTES
    assert p.hpke_open(seed, b"info", sealed) == b"text"
    bad = [(other, b"info", sealed), (seed, b"else", sealed), (seed, b"info", sealed[:-1])]
    bad += [(seed, b"info", b""), (seed, b"info", bytes(1136))]
    for place in (0, 1087, 1088, 1119, 1120, -1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        bad.append((seed, b"info", bytes(changed)))
    for key, info, data in bad:
        with pytest.raises(Undecryptable):
            p.hpke_open(key, info, data)


def test_own_secrets_of_wrong_length_are_a_misuse() -> None:
    """A secret of ours that has another length is said at once."""
    calls: tuple[Callable[[bytes], object], ...] = (
        p.ed25519_public_key,
        p.x25519_public_key,
        p.MlKem768Secret,
        p.mlkem1024_public_key,
        p.xwing_public_key,
        lambda seed: p.ed25519_sign(seed, b""),
        lambda seed: p.hpke_open(seed, b"", b""),
        lambda seed: p.x25519(seed, bytes([9]) + bytes(31)),
    )
    for call in calls:
        with pytest.raises(BadLength):
            call(bytes(5))


def test_equal_and_random() -> None:
    """`equal` compares, and random bytes have their length and differ."""
    assert p.equal(b"a", b"a")
    assert not p.equal(b"a", b"b")
    assert not p.equal(b"a", b"aa")
    assert len(p.random_bytes(24)) == 24
    assert p.random_bytes(24) != p.random_bytes(24)
