#!/usr/bin/env cwl-runner
# How long do spells of dry weather last? Two steps; the second begins when the first is done.
cwlVersion: v1.0
class: Workflow

inputs:
  days: File # a table with the columns date and precipitation
  find_program:
    type: File
    default: { class: File, location: find_spells.py }
  count_program:
    type: File
    default: { class: File, location: count_spells.py }

outputs:
  counts: # the table itself, as it is small: it comes back in the answer of the service
    type: string
    outputSource: count/table

steps:
  find:
    in: { program: find_program, days: days }
    out: [spells]
    run:
      class: CommandLineTool
      hints:
        DockerRequirement: { dockerPull: "python:3.11-slim" }
      baseCommand: python3
      inputs:
        program: { type: File, inputBinding: { position: 1 } }
        days: { type: File, inputBinding: { position: 2 } }
      stdout: spells.csv
      outputs:
        spells: { type: stdout }
  count:
    in: { program: count_program, spells: find/spells }
    out: [table]
    run:
      class: CommandLineTool
      hints:
        DockerRequirement: { dockerPull: "python:3.11-slim" }
      baseCommand: python3
      inputs:
        program: { type: File, inputBinding: { position: 1 } }
        spells: { type: File, inputBinding: { position: 2 } }
      stdout: counts.csv
      outputs:
        table:
          type: string
          outputBinding: { glob: counts.csv, loadContents: true, outputEval: "$(self[0].contents)" }
