"""What the chapters' notebooks show: their pictures, and the turns that their sentences take."""
