import numpy as np
import pytest
from PIL import Image

from genjax.data import read_boxes, read_yolo
from genjax.errors import InputError


def yolo(folder, lines, names="cat\ndog\n", beside=False):
    images, labels = (
        (folder, folder) if beside else (folder / "images", folder / "labels")
    )
    images.mkdir(exist_ok=True)
    labels.mkdir(exist_ok=True)
    for name in ("a", "b"):
        Image.new("RGB", (40, 20), "white").save(images / f"{name}.png")
    (labels / "a.txt").write_text(lines)
    (folder / "classes.txt").write_text(names)
    return folder


@pytest.mark.parametrize("beside", [False, True])
def test_yolos_boxes_are_shares_of_the_picture(tmp_path, beside):
    lines = "1 0.3 0.3 0.4 0.4\n\n0 0.1 0.1 0.5 0.1 0.5 0.9 0.2 0.8\n"
    found = read_yolo(yolo(tmp_path, lines, beside=beside), size=(20, 20))
    arrays = found.source.arrays
    assert found.classes == ("cat", "dog")
    assert found.problems == ("1 of 2 images have no file of boxes.",)
    # 40 x 20 becomes 20 x 10.
    wanted = [[2, 1, 10, 5], [2, 1, 10, 9]]
    np.testing.assert_allclose(arrays["xyxy"][0], wanted, rtol=1e-6)
    assert arrays["label"][0].tolist() == [1, 0]
    assert arrays["valid"].tolist() == [[True, True], [False, False]]
    np.testing.assert_allclose(arrays["area"][0], [16 * 8, 16 * 16], rtol=1e-6)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("7 0.3 0.3 0.4 0.4", "line 1: class 7 has no name among"),
        ("x 0.3 0.3 0.4 0.4", "line 1: 'x 0.3"),
        ("0 0.3 0.3 0.4 nan", "not all finite"),
        ("0 0.3 0.3 0.4 0.4 0.9", "corners of a polygon, were expected"),
        ("0 30 30 40 40", "shares of the picture, from 0 to 1, were expected"),
    ],
)
def test_damaged_lines_are_sentences(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        read_yolo(yolo(tmp_path, lines), size=(8, 8))


def test_what_belongs_to_nothing_is_a_sentence(tmp_path):
    folder = yolo(tmp_path, "0 0.3 0.3 0.4 0.4")
    (folder / "labels" / "c.txt").write_text("")
    with pytest.raises(InputError, match=r"c\.txt has no image"):
        read_yolo(folder, size=(8, 8))
    (folder / "labels" / "c.txt").unlink()
    Image.new("RGB", (4, 4)).save(folder / "images" / "a.jpg")
    with pytest.raises(InputError, match=r"several images share the boxes of .*a\.txt"):
        read_yolo(folder, size=(8, 8))
    (folder / "images" / "a.jpg").unlink()
    (folder / "classes.txt").unlink()
    with pytest.raises(
        InputError, match=r"neither data\.yaml nor classes\.txt nor obj\.names"
    ):
        read_yolo(folder, size=(8, 8))
    assert read_yolo(folder, size=(8, 8), classes=["cat"]).classes == ("cat",)


def table(folder, text):
    Image.new("RGB", (40, 20), "white").save(folder / "A 1.PNG")
    path = folder / "boxes.csv"
    path.write_text(text)
    return path


def test_a_table_has_a_row_for_each_box(tmp_path):
    rows = "filename,cell_type,xmin,xmax,ymin,ymax\na 1.png,dog,4,20,2,10\n"
    path = table(tmp_path, rows + "A 1,cat,0,60,0,20\nA 1.PNG,cat,0,60,0,20\n")
    found = read_boxes(path, tmp_path, size=(20, 20))
    arrays = found.source.arrays
    assert found.classes == ("cat", "dog")
    np.testing.assert_allclose(arrays["xyxy"][0, 0], [2, 1, 10, 5])
    assert arrays["label"].tolist() == [[1, 0, 0]]
    assert [line.split(") ")[1] for line in found.problems] == [
        "[0.0, 0.0, 60.0, 20.0] lies beyond its picture of 40 x 20.",
        "[0.0, 0.0, 60.0, 20.0] lies beyond its picture of 40 x 20.",
        "[0.0, 0.0, 60.0, 20.0] stands twice.",
    ]
    renamed = table(tmp_path, "where,what,l,t,r,b\na 1.png,dog,4,2,20,10\n")
    columns = dict(zip(("image", "label", "left"), ("where", "what", "l"), strict=True))
    columns |= {"top": "t", "right": "r", "bottom": "b"}
    own = read_boxes(renamed, tmp_path, size=(20, 20), columns=columns)
    np.testing.assert_allclose(own.source.arrays["xyxy"][0, 0], [2, 1, 10, 5])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("image,label,x1,y1,x2\na 1.png,dog,1,2,3\n", "one column of bottom, ymax, y2"),
        ("image,label,x1,y1,x2,y2\na 1.png,,1,2,3,4\n", "row 1: the class is missing"),
        ("image,label,x1,y1,x2,y2\na 1.png,dog,1,,3,4\n", "row 1: the edges .* are no"),
        ("image,label,x1,y1,x2,y2\nb.png,dog,1,2,3,4\n", "there is no image at"),
    ],
)
def test_damaged_tables_are_sentences(tmp_path, rows, message):
    is_of_rows = "column" not in message
    path = table(tmp_path, rows + "A 1.PNG,dog,1,2,3,4\n" * is_of_rows)
    with pytest.raises(InputError, match=message):
        read_boxes(path, tmp_path, size=(8, 8))
    if is_of_rows:
        found = read_boxes(path, tmp_path, size=(8, 8), skip_bad=True)
        assert len(found.problems) == 1
        assert found.problems[0].startswith("left out: ")


def test_a_name_that_fits_two_files_is_a_sentence(tmp_path):
    path = table(tmp_path, "image,label,x1,y1,x2,y2\na 1,dog,1,2,3,4\n")
    Image.new("RGB", (4, 4)).save(tmp_path / "a 1.jpg")
    with pytest.raises(InputError, match="may be any of"):
        read_boxes(path, tmp_path, size=(8, 8))


def export(folder, names="names: [cat, dog]\n", order=("{part}", "{kind}")):
    """A set as web tools write it: parts, each with its images and labels."""
    (folder / "data.yaml").write_text("train: ../train/images\nnc: 2\n" + names)
    for count, part in enumerate(("train", "valid", "test"), start=1):
        for kind in ("images", "labels"):
            place = folder.joinpath(*(x.format(part=part, kind=kind) for x in order))
            place.mkdir(parents=True)
            for i in range(count):
                if kind == "images":
                    Image.new("RGB", (40, 20), (i, 9, 9)).save(place / f"{part}{i}.png")
                else:
                    (place / f"{part}{i}.txt").write_text("1 0.5 0.5 0.4 0.4\n")
    return folder


@pytest.mark.parametrize("order", [("{part}", "{kind}"), ("{kind}", "{part}")])
def test_exports_in_parts_are_read_whole_and_by_part(tmp_path, order):
    folder = export(tmp_path, order=order)
    whole = read_yolo(folder, size=(20, 20))
    assert whole.classes == ("cat", "dog")
    assert len(whole.source) == 6
    assert np.all(whole.source.arrays["label"] == 1)
    counts = {
        part: len(read_yolo(folder, size=(20, 20), subset=part).source)
        for part in ("train", "valid", "test")
    }
    assert counts == {"train": 1, "valid": 2, "test": 3}
    with pytest.raises(InputError, match="holds no image below a folder 'val'"):
        read_yolo(folder, size=(20, 20), subset="val")


def test_names_by_label_are_read_and_gaps_are_a_sentence(tmp_path):
    folder = export(tmp_path, names="names:\n  1: dog\n  0: cat\n")
    assert read_yolo(folder, size=(20, 20)).classes == ("cat", "dog")
    for names, message in (
        ("names: {0: cat, 2: dog}\n", "names must be of the labels 0 to 1"),
        ("names: 7\n", "names must be a list of texts, got '7'"),
        ("names: [[cat], dog]\n", "names must be a list of texts"),
        ("names: [cat\n", "is not in YAML"),
        ("nc: 3\nnames: [cat, dog]\n", "nc is 3, and there are 2 names"),
        ("kpt_shape: [1, 2]\nnames: [cat, dog]\n", "the set holds keypoints"),
        ("nc: 2\n", "holds neither data.yaml"),
    ):
        (folder / "data.yaml").write_text(names)
        with pytest.raises(InputError, match=message):
            read_yolo(folder, size=(20, 20))


def test_names_are_read_as_they_are_written(tmp_path):
    folder = export(tmp_path, names="names: [no, 1.10]\n")
    (folder / "args.yaml").write_text("epochs: 3\n")
    assert read_yolo(folder, size=(20, 20)).classes == ("no", "1.10")


def test_boxes_that_are_not_found_are_told(tmp_path):
    folder = export(tmp_path)
    (folder / "test" / "labels" / "test0.txt").unlink()
    assert read_yolo(folder, size=(20, 20)).problems == (
        "no box is of the class 'cat'.",
        "1 of 6 images have no file of boxes.",
    )
    for part in ("train", "valid", "test"):
        (folder / part / "labels").rename(folder / part / "Labels")
    assert len(read_yolo(folder, size=(20, 20)).problems) == 2
    for part in ("train", "valid", "test"):
        (folder / part / "Labels").rename(folder / part / "boxes")
    with pytest.raises(
        InputError, match="no image has a file of boxes; one was looked"
    ):
        read_yolo(folder, size=(20, 20))


def test_a_part_may_be_a_path(tmp_path):
    folder = export(tmp_path, order=("{kind}", "{part}"))
    found = read_yolo(folder, size=(20, 20), subset="images/train")
    assert len(found.source) == 1
