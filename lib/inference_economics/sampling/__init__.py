"""The comparison at equal speed with its inputs drawn at random: ranges, samples, what decides."""
