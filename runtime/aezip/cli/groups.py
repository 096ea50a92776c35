"""The help of a command with many options: in groups, the usual first."""

from __future__ import annotations

import click

USUAL, READING, MANY, ADVANCED = "Options", "How pictures are read", "Many files", "Advanced"
_GROUPS = {
    USUAL: (
        "quality",
        "target_size",
        "target_bpp",
        "target_psnr",
        "target_ssimulacra2",
        "lossless",
        "verify",
        "format",
        "output_quality",
        "subsampling",
        "region",
        "scale",
        "max_size",
        "original",
        "model",
        "output",
        "force",
    ),
    READING: ("frame", "to_8bit", "stretch", "plain_cmyk", "strict", "upright", "strip"),
    MANY: (
        "recursive",
        "files_from",
        "jobs",
        "skip_existing",
        "append_suffix",
        "keep_smaller",
        "keep_times",
        "quiet",
        "verbose",
        "json_lines",
    ),
}
_GROUP = {name: group for group, names in _GROUPS.items() for name in names}


class Grouped(click.Command):
    """A command whose options are shown in groups; those of no group are advanced."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in (*_GROUPS, ADVANCED)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record:
                groups[_GROUP.get(parameter.name or "", ADVANCED)].append(record)
        for group, records in groups.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)
