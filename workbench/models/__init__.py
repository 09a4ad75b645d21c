"""What a model file is and what it needs: header, family, quantisation, memory, fit."""
