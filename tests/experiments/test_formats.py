import pytest

from experiments.detection._formats import read_annotated
from genjax.errors import InputError
from tests.data.test_annotation_lists import export
from tests.data.test_annotations import write_voc


def test_the_folder_above_a_set_is_none_of_its_forms(tmp_path):
    (tmp_path / "set" / "ImageSets").mkdir(parents=True)
    (tmp_path / "set" / "ImageSets" / "train.txt").write_text("a\n")
    write_voc(tmp_path / "set", [("cat", 1, 2, 3, 4)])
    assert len(read_annotated(str(tmp_path / "set"), "", (8, 8)).source) == 1
    with pytest.raises(InputError, match="holds no annotations, neither VOC's"):
        read_annotated(str(tmp_path), "", (8, 8))


def test_parts_are_those_of_folders(tmp_path):
    folder = export(tmp_path)
    assert len(read_annotated(str(folder), "", (8, 8), subset="valid").source) == 2
    table = tmp_path / "boxes.csv"
    table.write_text("image,label,xmin,ymin,xmax,ymax\n")
    with pytest.raises(InputError, match="a VOC or YOLO folder has them"):
        read_annotated(str(table), "", (8, 8), subset="valid")
