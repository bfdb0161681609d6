"""f_S, the frozen model: any Hugging Face language model. The only importer of transformers and peft."""
