"""The engine of an ML project: data, training, evaluation, launch, serving, monitoring.

Rooms import only from rooms below them: cli, commands, monitoring, launch, reports, analysis, registry, serving,
modeling, evaluation, onboarding, data, process, config, core. The contract with the team's code is in engine/README.md.
"""
