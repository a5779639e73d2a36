"""L20: an OTP has one spelling, before any look-up."""
from support.figures import figure


def verify(server, otp):
    return server.api(None).put('ssh/verify', {'otp': otp})


def spellings(otp):
    """60 ways to write an OTP that are not the OTP."""
    plain = otp.replace('-', '')
    blanks = [' ', '\n', '\r\n', '\t', '\x0b', '\x00', '\u00a0', '\u200b', '\ufeff', '-', '0', '/']
    ways = [otp + b for b in blanks] + [b + otp for b in blanks] + [otp[:18] + b + otp[18:] for b in blanks]
    ways += [otp.upper(), otp.title(), plain, plain.upper(), '{' + otp + '}', 'urn:uuid:' + otp, otp + otp,
             otp[:-1], otp[1:], otp.replace('-', '_'), otp.replace('-', ' '), otp.replace('-', ':'), f'"{otp}"',
             f"'{otp}'", otp.replace('-', '\u2010'), otp[::-1], '0x' + plain, otp + '.', otp + ',' + otp, otp + ';',
             otp + '%00', otp + '?', otp.translate({ord(c): ord(c) + 0xfee0 for c in '0123456789'}), otp + '\u0300']
    return [one for one in ways if one != otp]


def test_other_spellings_are_not_the_password(server):
    """L20: neither of a live OTP (which stays live) nor of a spent one."""
    made = server.otp()['data']['key']
    ways = spellings(made)
    assert len(ways) >= 59
    taken = [one for one in ways if verify(server, one).status not in (400, 429)]
    kept = verify(server, made).status
    taken += [one for one in [*ways, made] if verify(server, one).status not in (400, 429)]
    figure('L20', 2 * len(ways) + 1, len(taken), 'spellings')
    assert taken == []
    assert kept == 200
