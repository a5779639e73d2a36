#!/usr/bin/python3 -B
"""HCL: the documents of the reference parser, good and bad."""
import suite


def read_all():
    with suite.unpacked("tests/vectors/hcl1/fixtures.tar.xz") as folder:
        paths = sorted(path for path in folder.glob("**/*")
                       if path.suffix in (".hcl", ".json"))
        texts = [path.read_bytes() for path in paths]
        names = [str(path.relative_to(folder)) for path in paths]
    return dict(zip(names, suite.ask([("hcl", text) for text in texts])))


def check_bad(answers):
    bad = dict(line.split(" ", 1) for line in
               suite.listed("tests/vectors/hcl1/bad.txt"))
    wrong = [name for name, why in bad.items()
             if answers[name] != (False, why)]
    suite.figure("HCL1", len(bad), len(wrong), "bad documents")
    return f"not refused so: {wrong}" if wrong else ""


def check_good(answers):
    bad = [line.split(" ", 1)[0] for line in
           suite.listed("tests/vectors/hcl1/bad.txt")]
    good = [name for name in answers if name not in bad]
    wrong = [(name, answers[name][1]) for name in good
             if not answers[name][0]]
    suite.figure("HCL1", len(good), len(wrong), "good documents")
    fault = f"refused: {wrong}" if wrong else ""
    return fault or ("" if len(good) > 80 else "documents are missing")


def check_golden(answers):
    golden = dict(line.split(" ", 1) for line in
                  suite.listed("tests/vectors/hcl1/golden.txt"))
    wrong = [name for name, want in golden.items()
             if answers[name] != (True, want)]
    suite.figure("HCL1", len(golden), len(wrong), "golden forms")
    return f"read as something else: {wrong}" if wrong else ""


ANSWERS = read_all()
suite.report([
    ("bad_documents_are_refused_where_they_go_wrong", check_bad(ANSWERS)),
    ("good_documents_are_read", check_good(ANSWERS)),
    ("documents_are_read_as_their_golden_form", check_golden(ANSWERS)),
])
