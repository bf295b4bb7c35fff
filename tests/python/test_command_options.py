"""Options as people type them: short ones, names with commas, letters that are no option."""

import click
import polars
import pytest
from click.testing import CliRunner

from liquid_neural_networks.cli import COMMANDS, main

QUICK = ("--epochs", "1", "--hidden-size", "2", "--window", "8", "--quiet")


def lnn(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    x = [n % 7 + 0.5 for n in range(60)]
    polars.DataFrame({"sales, net": x, "a=b": x[::-1], "value": x}).write_csv(path)
    return path


def test_every_output_may_be_given_by_its_letter():
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        for option in command.params:
            if "--output" in option.opts:
                assert option.opts == ["--output", "-o"], name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    asked = lnn(name, "-h")
    assert asked.exit_code == 0 and asked.stdout == lnn(name, "--help").stdout


def test_the_letter_writes_the_file(table, tmp_path):
    model, forecast = tmp_path / "m.lnn", tmp_path / "f.csv"
    assert lnn("train", table, "--target", "value", "-o", model, *QUICK).exit_code == 0
    assert lnn("predict", model, table, "-o", forecast).exit_code == 0
    assert forecast.exists()


def test_a_letter_that_is_no_option_comes_with_those_it_begins(table):
    refused = lnn("train", table, "-t", "value")
    assert refused.exit_code == 2
    assert (
        "No such option: -t; did you mean --time, --time-format, --target, --test?"
        in refused.stderr
    )
    assert "-x\n" in lnn("train", table, "-x", "value").stderr


def test_a_name_with_a_comma_stands_in_quotes(table, tmp_path):
    """There was no way to say it."""
    refused = lnn("train", table, "--target", "sales, net", *QUICK)
    assert refused.exit_code == 1
    assert "A name with a comma stands in quotes: '\"sales, net\"'" in refused.stderr
    made = lnn(
        *("train", table, "--target", '"sales, net"', "--features", 'value, "sales, net",a=b'),
        *("-o", tmp_path / "m.lnn", *QUICK),
    )
    assert made.exit_code == 0, made.stderr
    for wrong in ("", "a,", ",", '"'):
        assert lnn("train", table, "--target", wrong, *QUICK).exit_code == 2


def test_another_separator_is_asked_for_where_all_is_one_column(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("date^sales\n" + "".join(f"{n}^{n % 7}.5\n" for n in range(60)))
    refused = lnn("train", path, "--target", "sales", *QUICK)
    assert "one alone; --separator says what stands between cells" in refused.stderr
    helped = ("--separator", "^", "-o", tmp_path / "m.lnn")
    assert lnn("train", path, "--target", "sales", *helped, *QUICK).exit_code == 0


def test_the_first_of_two_columns_of_one_name_is_meant(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("value,value\n" + "".join(f"{n % 7}.5,{n}\n" for n in range(60)))
    assert "did you mean 'value (1)'?" in lnn("train", path, "--target", "value", *QUICK).stderr


def test_a_forecast_without_its_past_says_so(table, tmp_path):
    model, less = tmp_path / "m.lnn", tmp_path / "less.csv"
    assert lnn("train", table, "--target", "value", "-o", model, *QUICK).exit_code == 0
    polars.read_csv(table).drop("value").write_csv(less)
    assert "value: there is no such column, and forecasts are made from its past" in (
        lnn("predict", model, less).stderr
    )


def test_too_few_rows_are_said_before_what_to_keep_back(tmp_path):
    """The advice to keep none back ended in this very error."""
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1.5,2.5\n")
    refused = lnn("train", path, "--target", "a", *QUICK)
    assert "table: has 1 row, of which 1 are to train on" in refused.stderr
