"""What is wanted of a program: its gradient, results, and numbers for each sample."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outputs:
    """What is wanted of a program, as entries of it.

    gradient: (k, entry) for parameters; scattered: (gather entry, entry) to be added to the
    parameter that was gathered; results: uniform numbers; lanes: numbers of each sample.
    """

    gradient: list[tuple[int, int]] = field(default_factory=list)
    scattered: list[tuple[int, int]] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    lanes: list[int] = field(default_factory=list)

    def roots(self) -> list[int]:
        """All entries that must be there."""
        of_pairs = [i for pair in self.scattered for i in pair]
        return [*(i for _, i in self.gradient), *of_pairs, *self.results, *self.lanes]

    def moved(self, place: dict[int, int]) -> Outputs:
        """The same for a program that was written anew."""
        return Outputs(
            [(k, place[i]) for k, i in self.gradient],
            [(place[g], place[i]) for g, i in self.scattered],
            [place[i] for i in self.results],
            [place[i] for i in self.lanes],
        )
