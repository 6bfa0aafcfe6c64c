import json
import os

import numpy as np
import pytest
from PIL import Image

from experiments.detection.custom import write_scenes
from genjax.data import read_coco, read_voc
from genjax.errors import InputError

OBJECT = """<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin>
<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"""


def write_voc(folder, objects, filename="a.png"):
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (40, 20), "white").save(folder / "a.png")
    inner = "".join(OBJECT.format(*values) for values in objects)
    (folder / "a.xml").write_text(
        f"<annotation><filename>{filename}</filename>{inner}</annotation>"
    )
    return folder


def test_voc_boxes_are_scaled_with_the_image(tmp_path):
    folder = write_voc(tmp_path, [("cat", 4, 2, 20, 10), ("ant", 5, 5, 5, 9)])
    found = read_voc(folder, size=(20, 20))
    arrays = found.source.arrays
    assert found.classes == ("ant", "cat")
    np.testing.assert_allclose(arrays["xyxy"][0, 0], [2, 1, 10, 5])
    assert arrays["label"][0].tolist() == [1, 0]
    assert arrays["valid"][0].tolist() == [True, False]
    # 40 x 20 becomes 20 x 10; the rest is black.
    assert arrays["image"].shape == (1, 20, 20, 3)
    assert arrays["image"][0, :10].min() == 255
    assert arrays["image"][0, 10:].max() == 0


@pytest.mark.parametrize(
    ("objects", "filename", "message"),
    [
        ([("cat", 1, 2, "x", 4)], "a.png", "four numbers were expected"),
        ([("cat", 1, 2, "inf", 4)], "a.png", "four numbers were expected"),
        ([("", 1, 2, 3, 4)], "a.png", "object 0 has no name"),
    ],
)
def test_damaged_voc_is_a_sentence(tmp_path, objects, filename, message):
    with pytest.raises(InputError, match=message):
        read_voc(write_voc(tmp_path, objects, filename), size=(8, 8))


def test_difficult_objects_are_to_be_ignored(tmp_path):
    folder = write_voc(tmp_path, [("cat", 1, 2, 30, 14), ("cat", 1, 2, 9, 9)])
    path = folder / "a.xml"
    whole = path.read_text()
    path.write_text(whole.replace("<bndbox>", "<difficult>1</difficult><bndbox>", 1))
    arrays = read_voc(folder, size=(20, 40)).source.arrays
    assert arrays["ignore"].tolist() == [[True, False]]
    assert arrays["valid"].all()
    assert not arrays["crowd"].any()
    path.write_text(whole.replace("<bndbox>", "<difficult>2</difficult><bndbox>", 1))
    with pytest.raises(InputError, match="object 0 is difficult '2'; one of 0, 1"):
        read_voc(folder, size=(8, 8))


def test_pascals_own_files_count_from_one(tmp_path):
    folder = write_voc(tmp_path, [("cat", 1, 1, 40, 20), ("cat", 3, 1, 3, 9)])
    arrays = read_voc(folder, size=(20, 40), first_pixel=1).source.arrays
    np.testing.assert_allclose(arrays["xyxy"][0], [[0, 0, 40, 20], [2, 0, 3, 9]])
    assert arrays["valid"].all()


def test_missing_voc_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="holds no Pascal VOC annotation"):
        read_voc(tmp_path, size=(8, 8))
    with pytest.raises(InputError, match="no subset 'train'"):
        read_voc(tmp_path, size=(8, 8), subset="train")
    (tmp_path / "b.xml").write_text("<annotation>")
    with pytest.raises(InputError, match=r"b\.xml is not an annotation"):
        read_voc(tmp_path, size=(8, 8))
    write_voc(tmp_path / "c", [("cat", 1, 2, 3, 4)])
    with pytest.raises(InputError, match="class 'cat' is not among"):
        read_voc(tmp_path / "c", size=(8, 8), classes=("dog",))


def box(**fields):
    entry = {"image_id": 7, "category_id": 1, "bbox": [4, 2, 16, 8]}
    return {"annotations": [entry | fields]}


def coco(folder, **changes):
    Image.new("RGB", (40, 20)).save(folder / "a.png")
    content = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 1, "name": "dog"}],
        "annotations": [
            {"image_id": 7, "category_id": 1, "bbox": [4, 2, 16, 8], "iscrowd": 0},
            {"image_id": 7, "category_id": 3, "bbox": [0, 0, 40, 20], "iscrowd": 1},
        ],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content | changes))
    return path


def test_coco_labels_follow_the_categories_and_crowds_are_marked(tmp_path):
    found = read_coco(coco(tmp_path), tmp_path, size=(20, 40))
    arrays = found.source.arrays
    assert found.classes == ("cat", "dog")
    np.testing.assert_allclose(arrays["xyxy"][0], [[4, 2, 20, 10], [0, 0, 40, 20]])
    assert arrays["label"][0].tolist() == [1, 0]
    assert arrays["crowd"][0].tolist() == [False, True]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": []}, "there is no 7"),
        ({"categories": [{"id": 1, "name": "dog"}]}, "there is no 3"),
        (
            {"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2]}]},
            "format",
        ),
        (
            {"annotations": [{"image_id": 7, "category_id": 1, "bbox": list("abcd")}]},
            "format",
        ),
        ({"categories": [{"id": i, "name": "cat"} for i in (1, 3)]}, "one name"),
        ({"annotations": [{"image_id": 7}]}, "there is no 'bbox'"),
        ({"images": [], "annotations": []}, "lists no image"),
        ({"images": [{"id": 7, "file_name": "a.png"}] * 2}, "the id 7 stands twice in"),
        ({"categories": [{"id": 1, "name": n} for n in "ab"]}, "id 1 stands twice in"),
        (box(iscrowd="0"), "iscrowd must be 0 or 1, got '0'"),
        (box(bbox=[0, 0, 1e39, 1]), "not all finite in float32"),
        (box(bbox=[0, 0, 10**400, 1]), "format"),
        ({"images": [{"id": 7, "file_name": "b/../../a.png"}]}, "lies outside the"),
        ({"images": [{"id": 7, "file_name": "a\0.png"}]}, "not the name of a file"),
        ({"images": [{"id": 7, "file_name": "b.png"}]}, "there is no image at"),
        ({"images": "abc"}, "format"),
    ],
)
def test_damaged_coco_is_a_sentence(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_coco(coco(tmp_path, **changes), tmp_path, size=(8, 8))


@pytest.mark.parametrize(
    ("content", "message"),
    [("[" * 100_000, "nested too deeply"), ("\xff\xfe", "is not in COCO's format")],
)
def test_coco_that_is_no_json_is_a_sentence(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        read_coco(tmp_path / "a.json", tmp_path, size=(8, 8))


def test_a_pipe_is_no_image(tmp_path):
    path = coco(tmp_path, images=[{"id": 7, "file_name": "pipe.png"}])
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="there is no image at"):
        read_coco(path, tmp_path, size=(8, 8))


def test_a_missing_coco_file_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_coco(tmp_path / "gone.json", tmp_path, size=(8, 8))


def test_written_scenes_are_read_back(tmp_path):
    write_scenes(tmp_path, 3)
    found = read_voc(tmp_path, size=(64, 64), classes=[str(i) for i in range(10)])
    assert len(found.source) == 3
    assert found.source.arrays["valid"].any(axis=1).all()


@pytest.mark.shared_data
def test_bccd_is_whole(shared_data):
    folder = shared_data / "bccd" / "BCCD"
    found = read_voc(folder, size=(60, 80))
    assert found.classes == ("Platelets", "RBC", "WBC")
    assert len(found.source) == 364
    arrays = found.source.arrays
    listed = sum(
        xml.read_text().count("<object>")
        for xml in (folder / "Annotations").glob("*.xml")
    )
    assert listed == 4888
    assert arrays["valid"].sum() == 4886  # two are degenerate
    test = read_voc(folder, size=(6, 8), subset="test", classes=found.classes)
    assert len(test.source) == 72
